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

variable "chart" {
  description = "The Traefik chart; without a repository its name is a path."
  type        = object({ repository = optional(string), name = string, version = optional(string) })
}

variable "domain" {
  description = "The name under which users open the hub."
  type        = string
}

variable "more_domains" {
  description = "Further names, of the same certificate."
  type        = list(string)
}

variable "url" {
  description = "The address that users open."
  type        = string
}

variable "ingress_class" {
  description = "What marks the Ingresses of the deployment."
  type        = string
}

variable "certificate" {
  description = "Where the certificate comes from: self-signed, existing (a secret of the namespace, or given), lets-encrypt, disabled."
  type        = object({ type = string, secret_name = optional(string) })

  validation {
    condition     = contains(["self-signed", "existing", "lets-encrypt", "disabled"], var.certificate.type)
    error_message = "certificate.type is self-signed, existing, lets-encrypt or disabled."
  }
}

variable "values" {
  description = "Values of the chart that come from the config."
  type        = any
}

variable "secrets" {
  description = "What Traefik has to know of the DNS zone, and a certificate with its key; given when applied, never in a file."
  type        = object({ environment = map(string), certificate = map(string) })
  sensitive   = true
  default     = { environment = {}, certificate = {} }
}

variable "dns_record" {
  description = "The DNS record that qhub makes of the domain once its address is known, and whose it is; it names secrets and holds none."
  type        = any
  default     = null
}
