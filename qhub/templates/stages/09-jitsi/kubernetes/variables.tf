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

variable "chart" {
  description = "The chart of Jitsi Meet; without a repository its name is a path. Null: no server of its own."
  type        = object({ repository = optional(string), name = string, version = optional(string) })
  default     = null
}

variable "domain" {
  description = "Name of its own server; empty without one."
  type        = string
}

variable "udp_port" {
  description = "Port of sound and pictures of its own server."
  type        = number

  validation {
    condition     = var.udp_port >= 1 && var.udp_port <= 65535
    error_message = "udp_port is a number from 1 to 65535."
  }
}

variable "values" {
  description = "Values of the chart that come from the config."
  type        = any
}
