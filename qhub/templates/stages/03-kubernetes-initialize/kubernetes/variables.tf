variable "infrastructure" {
  description = "Outputs of 02-infrastructure; null reads them from its state."
  type = object({
    cluster        = string
    node_selectors = map(map(string))
  })
  default = null
}

variable "name" {
  description = "Begins the names of what has no namespace, PROJECT-NAMESPACE."
  type        = string
}

variable "namespace" {
  description = "Where everything of the deployment lives."
  type        = string

  validation {
    condition     = var.namespace != "default" && !startswith(var.namespace, "kube-")
    error_message = "The namespace belongs to Kubernetes itself."
  }
}

variable "pod_security" {
  description = "Pod Security level that the namespace enforces."
  type        = string

  validation {
    condition     = contains(["privileged", "baseline"], var.pod_security)
    error_message = "pod_security is privileged or baseline."
  }
}

variable "quota" {
  description = "ResourceQuota of the namespace, `requests.cpu` say; empty: none."
  type        = map(string)
}

variable "container_limits" {
  description = "LimitRange of containers, by default, default_request, max and min; empty: none."
  type        = map(map(string))
}

variable "shared" {
  description = "The volume of homes and shared folders; a null class is the cluster's default one."
  type = object({
    size          = string
    storage_class = optional(string)
    access_mode   = string
  })
}

variable "nfs" {
  description = "The NFS server that the volume is of, with values of its chart; null: none."
  type        = object({ values = any })
  default     = null
}

variable "gpu_plugin_image" {
  description = "Image of NVIDIA's device plugin; null: nobody asks for GPUs."
  type        = string
  default     = null
}
