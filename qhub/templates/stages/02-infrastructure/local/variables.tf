variable "deployment" {
  description = "Folder of the deployment; null: the one that holds this module's stages/ folder."
  type        = string
  default     = null
}

variable "project_name" {
  description = "Name of the project; part of the names of folders."
  type        = string
}

variable "namespace" {
  description = "Tells deployments of one project apart."
  type        = string
}

variable "directory" {
  description = "Folder for everything the deployment makes; null: /var/lib/qhub/PROJECT as root, else local/ in the deployment's folder."
  type        = string
  default     = null
}

variable "isolation" {
  description = "unix: every user is a Unix account (needs root); bwrap, none: all servers run as one account, each in a sandbox or not; auto: the first that works."
  type        = string
  default     = "auto"

  validation {
    condition     = contains(["auto", "unix", "bwrap", "none"], var.isolation)
    error_message = "isolation is auto, unix, bwrap or none."
  }
}

variable "python" {
  description = "Python interpreter of the services; null: one that all users can reach."
  type        = string
  default     = null
}

variable "address" {
  description = "IP address the hub listens on."
  type        = string
  default     = "127.0.0.1"
}

variable "port" {
  description = "TCP port the hub listens on."
  type        = number
  default     = 8000

  validation {
    condition     = var.port >= 1 && var.port <= 65535
    error_message = "port is a number from 1 to 65535."
  }
}

variable "allow_insecure" {
  description = "Serve plain HTTP on an address that others can reach."
  type        = bool
  default     = false
}

variable "certificate" {
  description = "TLS: disabled, self-signed, or existing with the two files named."
  type = object({
    type             = string
    certificate_file = optional(string)
    key_file         = optional(string)
  })
  default = { type = "disabled" }
}
