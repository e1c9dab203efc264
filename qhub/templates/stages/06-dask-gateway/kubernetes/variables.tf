variable "infrastructure" {
  description = "Outputs of 02-infrastructure; null reads them from its state."
  type = object({
    cluster        = string
    node_selectors = map(map(string))
  })
  default = null
}

variable "kubernetes_initialize" {
  description = "Outputs of 03-kubernetes-initialize; null reads them from its state."
  type = object({
    namespace        = string
    shared_claim     = string
    priority_classes = map(string)
  })
  default = null
}

variable "jupyterhub" {
  description = "Outputs of 05-jupyterhub; null reads them from its state."
  type = object({
    url         = string
    namespace   = string
    folders_job = string
    api_url     = string
    tokens      = map(string)
  })
  default = null
}

variable "instance" {
  description = "Names what the release makes, also what has no namespace."
  type        = string

  validation {
    condition     = length(var.instance) <= 47
    error_message = "The instance is too long for names that are made from it."
  }
}

variable "chart" {
  description = "The Dask-Gateway chart; without a repository its name is a path."
  type        = object({ repository = optional(string), name = string, version = optional(string) })
}

variable "secret" {
  description = "The Secret that the gateway reads: its name, and the keys of the hub's token and of cookies."
  type        = object({ name = string, hub = string, cookies = string })
}

variable "check" {
  description = "Path at the gateway that says who may see a dashboard."
  type        = string
}

variable "settings" {
  description = "What the gateway's Python code reads: users, groups, profiles, limits. No secrets."
  type        = any
}

variable "values" {
  description = "Values of the chart that come from the config."
  type        = any
}
