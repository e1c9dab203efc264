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

variable "port" {
  description = "TCP port to listen on."
  type        = number
  default     = 8022

  validation {
    condition     = var.port >= 1 && var.port <= 65535
    error_message = "port is a number from 1 to 65535."
  }
}

variable "users" {
  description = "Who may log in, as whom, and with which public keys besides a token of the hub."
  type = map(object({
    uid           = number
    primary_group = string
    groups        = list(string)
    ssh_keys      = list(string)
  }))
}

variable "groups" {
  description = "Groups by name."
  type        = map(object({ gid = number, access = string }))
}
