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

variable "environments" {
  description = "Environments by name: what conda and pip install, and the gid of each group that may use it; null: all."
  type = map(object({
    channels = list(string)
    conda    = list(string)
    pip      = list(string)
    groups   = optional(map(number))
  }))
}

variable "max_workers" {
  description = "How many environments are built at a time."
  type        = number

  validation {
    condition     = var.max_workers >= 1
    error_message = "max_workers is at least 1."
  }
}
