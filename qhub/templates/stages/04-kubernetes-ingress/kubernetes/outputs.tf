output "url" {
  description = "The address that users open."
  value       = var.url
}

output "domain" {
  description = "The name in it."
  value       = var.domain
}

output "more_domains" {
  description = "Further names, of the same certificate."
  value       = var.more_domains
}

output "namespace" {
  description = "Where it runs."
  value       = helm_release.traefik.namespace
}

output "annotations" {
  description = "What makes an Ingress one of the deployment."
  value       = local.annotations
}

output "certificate" {
  description = "Type of the certificate."
  value       = var.certificate.type
}

output "tls_secret" {
  description = "Secret with the certificate; empty: not in one."
  value       = local.tls_secret
}

output "dns_record" {
  description = "The DNS record that qhub makes of the domain."
  value       = var.dns_record
}
