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

variable "chart" {
  description = "The JupyterHub chart; without a repository its name is a path."
  type        = object({ repository = optional(string), name = string, version = optional(string) })
}

variable "domain" {
  description = "The name under which users open the hub."
  type        = string
}

variable "settings" {
  description = "What the hub's Python code reads: users, groups, profiles, looks. No secrets."
  type        = any
}

variable "names" {
  description = "`passwd` and `group` for people's pods."
  type        = map(string)
}

variable "image" {
  description = "Image with Python for the pod that makes people's folders: the hub's."
  type        = string
}

variable "values" {
  description = "Values of the chart that come from the config."
  type        = any
}

variable "overrides" {
  description = "Values that go over all others."
  type        = any
}

variable "secrets" {
  description = "Hashes of passwords, settings of the authenticator, what tokens for rooms at somebody else's Jitsi server are signed with; given when applied, never in a file."
  type        = object({ passwords = map(string), authentication = any, rooms = optional(string) })
  sensitive   = true
  default     = { passwords = {}, authentication = {} }
}
