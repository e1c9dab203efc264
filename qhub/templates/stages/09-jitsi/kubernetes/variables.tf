variable "kubernetes_initialize" {
  description = "Outputs of 03-kubernetes-initialize; null reads them from its state."
  type = object({
    namespace        = string
    shared_claim     = string
    priority_classes = map(string)
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

variable "users" {
  description = "Whose rooms: those of their groups."
  type = map(object({
    uid           = number
    primary_group = string
    groups        = list(string)
  }))
}
