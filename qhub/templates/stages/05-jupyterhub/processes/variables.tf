variable "infrastructure" {
  description = "Outputs of 02-infrastructure; null reads them from its state."
  type = object({
    facts        = string
    directory    = string
    isolation    = string
    url          = string
    environments = map(string)
  })
  default = null
}

variable "project_name" {
  description = "Name of the project."
  type        = string
}

variable "users" {
  description = "Who may log in. password is a hash or names the environment variable or file that holds it."
  type = map(object({
    uid           = number
    password      = optional(map(string))
    admin         = bool
    primary_group = string
    groups        = list(string)
  }))
}

variable "groups" {
  description = "Groups by name; each has a shared folder, access says who reads and writes there."
  type        = map(object({ gid = number, access = string }))
}

variable "profiles" {
  description = "Server sizes to choose from. Memory in bytes, CPU in cores; null users and groups: for everyone."
  type = list(object({
    display_name  = string
    description   = string
    default       = bool
    users         = optional(list(string))
    groups        = optional(list(string))
    cpu_limit     = optional(number)
    cpu_guarantee = optional(number)
    mem_limit     = optional(number)
    mem_guarantee = optional(number)
    gpus          = number
    environment   = map(string)
  }))
}

variable "theme" {
  description = "Title, texts, logo and colours of the hub's pages."
  type        = map(string)
}

variable "idle_culler" {
  description = "After how many minutes idle servers, kernels and terminals end."
  type = object({
    server_shutdown_no_activity_timeout = number
    kernel_cull_idle_timeout            = number
    kernel_cull_interval                = number
    kernel_cull_connected               = bool
    kernel_cull_busy                    = bool
    terminal_cull_inactive_timeout      = number
    terminal_cull_interval              = number
  })
}

variable "authentication" {
  description = "How users log in: type, and what that type takes."
  type        = any
}

variable "monitoring" {
  description = "Whether Prometheus may read metrics of the hub and its proxy."
  type        = bool
}

variable "room_access" {
  description = "The Jitsi server that takes tokens of the hub, with a reference to their secret; null: none."
  type        = any
  default     = null
}

variable "conda_store" {
  description = "Where conda-store runs beside: its namespace that everybody sees; else null."
  type        = string
  default     = null
}
