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

variable "channels" {
  description = "Where conda-store comes from itself, and environments by default."
  type        = list(string)

  validation {
    condition     = length(var.channels) > 0
    error_message = "channels lists at least one."
  }
}

variable "default_namespace" {
  description = "The namespace that everybody sees."
  type        = string
}

variable "max_workers" {
  description = "How many environments are built at a time."
  type        = number

  validation {
    condition     = var.max_workers >= 1
    error_message = "max_workers is at least 1."
  }
}

variable "users" {
  description = "Who makes environments, and who may do everything."
  type = map(object({
    uid           = number
    primary_group = string
    groups        = list(string)
    admin         = bool
  }))
}

variable "groups" {
  description = "Groups by name; each has a namespace."
  type        = map(object({ gid = number, access = string }))
}
