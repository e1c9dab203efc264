# Traefik, and the certificate of the address.

locals {
  namespace = local.kubernetes_initialize.namespace
  labels = {
    "app.kubernetes.io/part-of"    = "qhub"
    "app.kubernetes.io/managed-by" = "terraform"
  }
  annotations = {
    # Not ingressClassName: an IngressClass is read, and left behind, cluster-wide.
    "kubernetes.io/ingress.class"                      = var.ingress_class
    "traefik.ingress.kubernetes.io/router.entrypoints" = var.certificate.type == "disabled" ? "web" : "websecure"
  }

  acme        = var.certificate.type == "lets-encrypt"
  self_signed = var.certificate.type == "self-signed"
  from_files  = var.certificate.type == "existing" && var.certificate.secret_name == null
  tls_secret = (
    var.certificate.type == "existing" && !local.from_files
    ? var.certificate.secret_name
    : join("", kubernetes_secret_v1.certificate[*].metadata[0].name)
  )
  environment = nonsensitive(length(var.secrets.environment) > 0)
}

resource "tls_private_key" "certificate" {
  count = local.self_signed ? 1 : 0

  algorithm   = "ECDSA"
  ecdsa_curve = "P256"
}

resource "tls_self_signed_cert" "certificate" {
  count = local.self_signed ? 1 : 0

  private_key_pem       = tls_private_key.certificate[0].private_key_pem
  dns_names             = concat([var.domain], var.more_domains)
  validity_period_hours = 825 * 24
  early_renewal_hours   = 30 * 24
  allowed_uses          = ["digital_signature", "key_encipherment", "server_auth"]

  subject {
    common_name = substr(var.domain, 0, 64)
  }
}

resource "kubernetes_secret_v1" "certificate" {
  count = local.self_signed || local.from_files ? 1 : 0

  metadata {
    name      = "qhub-certificate"
    namespace = local.namespace
    labels    = local.labels
  }

  type = "kubernetes.io/tls"
  data = local.from_files ? var.secrets.certificate : {
    "tls.crt" = tls_self_signed_cert.certificate[0].cert_pem
    "tls.key" = tls_private_key.certificate[0].private_key_pem
  }
}

# Tells Traefik the certificate of the name: it follows the Secret, also as others renew that.
resource "kubernetes_ingress_v1" "certificate" {
  count = local.tls_secret == "" ? 0 : 1

  metadata {
    name        = "qhub-certificate"
    namespace   = local.namespace
    labels      = local.labels
    annotations = local.annotations
  }

  spec {
    tls {
      hosts       = concat([var.domain], var.more_domains)
      secret_name = local.tls_secret
    }
    rule {
      host = var.domain
    }
  }
}

# What Traefik asks the issuer for, kept over everything but a destroy: it gives few a week.
resource "kubernetes_persistent_volume_claim_v1" "certificates" {
  count = local.acme ? 1 : 0

  metadata {
    name      = "traefik-certificates"
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    access_modes = ["ReadWriteOnce"]

    resources {
      requests = { storage = "1Gi" }
    }
  }

  # A class that binds for the first pod alone would never be done.
  wait_until_bound = false

  # It goes after Traefik let go of it: a volume in use can't be removed.
  lifecycle {
    create_before_destroy = true
  }
}

resource "kubernetes_secret_v1" "environment" {
  count = local.environment ? 1 : 0

  metadata {
    name      = "traefik-environment"
    namespace = local.namespace
    labels    = local.labels
  }

  data = var.secrets.environment
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
      persistence = {
        enabled       = local.acme
        existingClaim = join("", kubernetes_persistent_volume_claim_v1.certificates[*].metadata[0].name)
      }
      envFrom = [for secret in kubernetes_secret_v1.environment : { secretRef = { name = secret.metadata[0].name } }]
      deployment = {
        podAnnotations = local.environment ? { "qhub/fingerprint" = nonsensitive(sha256(jsonencode(var.secrets.environment))) } : {}
      }
    }),
  ]
}
