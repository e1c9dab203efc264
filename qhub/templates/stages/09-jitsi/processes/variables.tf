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

variable "project_name" {
  description = "Begins the names of rooms."
  type        = string
}

variable "server" {
  description = "Address of the Jitsi server."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/@?#\\s]+", var.server))
    error_message = "The server is an address that begins with https://."
  }
}

variable "door" {
  description = "Whether rooms are entered through the hub, which signs tokens for them."
  type        = bool
}

variable "users" {
  description = "Whose rooms: those of their groups."
  type = map(object({
    uid           = number
    primary_group = string
    groups        = list(string)
  }))
}
