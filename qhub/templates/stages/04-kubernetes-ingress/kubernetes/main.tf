# Traefik, and the certificate of the address.

locals {
  namespace = local.kubernetes_initialize.namespace
  labels = {
    "app.kubernetes.io/part-of"    = "qhub"
    "app.kubernetes.io/managed-by" = "terraform"
  }
  self_signed = var.certificate.type == "self-signed"
  tls_secret = {
    disabled       = ""
    "lets-encrypt" = ""
    existing       = var.certificate.secret_name
    "self-signed"  = one(kubernetes_secret_v1.certificate[*].metadata[0].name)
  }[var.certificate.type]
}

resource "tls_private_key" "certificate" {
  count = local.self_signed ? 1 : 0

  algorithm   = "ECDSA"
  ecdsa_curve = "P256"
}

resource "tls_self_signed_cert" "certificate" {
  count = local.self_signed ? 1 : 0

  private_key_pem       = tls_private_key.certificate[0].private_key_pem
  dns_names             = [var.domain]
  validity_period_hours = 825 * 24
  early_renewal_hours   = 30 * 24
  allowed_uses          = ["digital_signature", "key_encipherment", "server_auth"]

  subject {
    common_name = var.domain
  }
}

resource "kubernetes_secret_v1" "certificate" {
  count = local.self_signed ? 1 : 0

  metadata {
    name      = "qhub-certificate"
    namespace = local.namespace
    labels    = local.labels
  }

  type = "kubernetes.io/tls"
  data = {
    "tls.crt" = tls_self_signed_cert.certificate[0].cert_pem
    "tls.key" = tls_private_key.certificate[0].private_key_pem
  }
}

resource "helm_release" "traefik" {
  name       = "traefik"
  namespace  = local.namespace
  repository = var.chart.repository
  chart      = var.chart.name
  version    = var.chart.version
  skip_crds  = true
  # Its check watches what it makes, and tells why it doesn't get ready.
  wait        = false
  max_history = 5

  values = [
    jsonencode(var.values),
    jsonencode({
      nodeSelector      = local.infrastructure.node_selectors["general"]
      priorityClassName = local.kubernetes_initialize.priority_classes["services"]
    }),
  ]
}
