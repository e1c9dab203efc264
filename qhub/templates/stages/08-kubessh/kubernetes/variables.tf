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

variable "kubernetes_ingress" {
  description = "Outputs of 04-kubernetes-ingress; null reads them from its state."
  type = object({
    url       = string
    namespace = string
  })
  default = null
}

variable "jupyterhub" {
  description = "Outputs of 05-jupyterhub; null reads them from its state."
  type = object({
    url       = string
    namespace = string
    api_url   = string
    tokens    = map(string)
  })
  default = null
}

variable "host" {
  description = "Name under which people reach it."
  type        = string
}

variable "port" {
  description = "Port under which people reach it."
  type        = number

  validation {
    condition     = var.port >= 1 && var.port <= 65535
    error_message = "port is a number from 1 to 65535."
  }
}

variable "people" {
  description = "Who may log in, and with which public keys besides a token of the hub."
  type = object({
    users  = map(object({ uid = number, primary_group = string, groups = list(string), ssh_keys = list(string) }))
    groups = map(object({ gid = number, access = string }))
  })
}

variable "values" {
  description = "Values of the chart that come from the config."
  type        = any
}
