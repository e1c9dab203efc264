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

variable "jupyterhub" {
  description = "Outputs of 05-jupyterhub; null reads them from its state."
  type = object({
    url   = string
    facts = string
  })
  default = null
}

variable "users" {
  description = "Whose clusters run, and as whom."
  type = map(object({
    uid           = number
    primary_group = string
    groups        = list(string)
  }))
}

variable "groups" {
  description = "Groups by name."
  type        = map(object({ gid = number, access = string }))
}

variable "workers" {
  description = "Worker sizes to choose from. Memory in bytes, CPU in cores; null users and groups: for everyone."
  type = list(object({
    display_name  = string
    users         = optional(list(string))
    groups        = optional(list(string))
    cpu_limit     = number
    cpu_guarantee = optional(number)
    mem_limit     = number
    mem_guarantee = optional(number)
    threads       = number
  }))
}

variable "idle_timeout" {
  description = "After how many minutes without work a cluster ends; 0: never."
  type        = number

  validation {
    condition     = var.idle_timeout >= 0
    error_message = "idle_timeout is a number of minutes, or 0."
  }
}

variable "cluster_max_workers" {
  description = "How many workers a cluster has at most; null: as many as the machine has memory for."
  type        = number
  default     = null
}

variable "cluster_max_cores" {
  description = "CPU cores of all workers of a cluster together; null: no limit."
  type        = number
  default     = null
}

variable "cluster_max_memory" {
  description = "Bytes of memory of all workers of a cluster together; null: no limit."
  type        = number
  default     = null
}

variable "max_clusters_per_user" {
  description = "How many clusters a user can have running at a time."
  type        = number

  validation {
    condition     = var.max_clusters_per_user >= 1
    error_message = "max_clusters_per_user is at least 1."
  }
}

variable "monitoring" {
  description = "Whether Prometheus may read metrics of the gateway."
  type        = bool
}
