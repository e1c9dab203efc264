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
    url         = string
    namespace   = string
    annotations = map(string)
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

variable "url" {
  description = "Where people open it."
  type        = string
}

variable "environments" {
  description = "Environments of the configuration, one for each namespace whose people see it: namespace, name, channels, dependencies."
  type        = any
}

variable "values" {
  description = "Values of the chart that come from the config."
  type        = any
}
