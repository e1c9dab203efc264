output "url" {
  description = "The address that users open."
  value       = var.url
}

output "namespace" {
  description = "Where it runs."
  value       = helm_release.traefik.namespace
}

output "ingress_class" {
  description = "IngressClass of what is to be reached by it."
  value       = var.ingress_class
}

output "annotations" {
  description = "Annotations of Ingresses."
  value = {
    "traefik.ingress.kubernetes.io/router.entrypoints" = var.certificate.type == "disabled" ? "web" : "websecure"
  }
}

output "tls_secret" {
  description = "Secret with the certificate; empty for none."
  value       = local.tls_secret
}
