mock_provider "helm" {}
mock_provider "kubernetes" {}
mock_provider "tls" {}

variables {
  infrastructure = {
    cluster        = "0b0a1d2c"
    node_selectors = { general = { pool = "general" }, user = {}, worker = {} }
  }
  kubernetes_initialize = {
    namespace        = "dev"
    shared_claim     = "shared"
    priority_classes = { services = "demo-dev-services", users = "demo-dev-users", placeholders = "demo-dev-placeholders" }
  }
  chart         = { repository = "https://charts.example.org", name = "traefik", version = "1.2.3" }
  domain        = "hub.example.org"
  more_domains  = []
  url           = "https://hub.example.org"
  ingress_class = "demo-dev"
  certificate   = { type = "self-signed" }
}

run "signs_a_certificate_itself" {
  assert {
    condition     = one(tls_self_signed_cert.certificate[0].dns_names) == "hub.example.org"
    error_message = "the certificate is for the domain"
  }

  assert {
    condition = (
      kubernetes_secret_v1.certificate[0].type == "kubernetes.io/tls"
      && kubernetes_secret_v1.certificate[0].metadata[0].namespace == "dev"
    )
    error_message = "Traefik finds it as a secret of the deployment"
  }

  assert {
    condition     = output.tls_secret == kubernetes_secret_v1.certificate[0].metadata[0].name
    error_message = "Ingresses are told the secret that was made"
  }

  assert {
    condition     = output.annotations["traefik.ingress.kubernetes.io/router.entrypoints"] == "websecure"
    error_message = "with a certificate, users come by HTTPS"
  }
}

run "signs_for_all_names" {
  variables {
    more_domains = ["meet.hub.example.org"]
  }

  assert {
    condition = (
      tls_self_signed_cert.certificate[0].dns_names == tolist(["hub.example.org", "meet.hub.example.org"])
      && length(kubernetes_ingress_v1.certificate[0].spec[0].tls[0].hosts) == 2
      && output.more_domains == tolist(["meet.hub.example.org"])
    )
    error_message = "the certificate is for the further names, too"
  }
}

run "takes_the_secret_that_is_there" {
  variables {
    certificate = { type = "existing", secret_name = "hub-tls" }
  }

  assert {
    condition = (
      output.tls_secret == "hub-tls"
      && length(kubernetes_secret_v1.certificate) == 0
      && length(tls_private_key.certificate) == 0
    )
    error_message = "an existing certificate is used as it is, and none is made beside it"
  }
}

run "goes_without_certificate" {
  variables {
    certificate = { type = "disabled" }
    url         = "http://hub.example.org"
  }

  assert {
    condition     = output.tls_secret == "" && length(kubernetes_secret_v1.certificate) == 0
    error_message = "disabled means that no certificate is made"
  }

  assert {
    condition     = output.annotations["traefik.ingress.kubernetes.io/router.entrypoints"] == "web"
    error_message = "without a certificate, users come by HTTP"
  }
}

run "makes_nothing_where_others_sign" {
  variables {
    certificate = { type = "lets-encrypt" }
  }

  assert {
    condition     = length(tls_self_signed_cert.certificate) == 0
    error_message = "lets-encrypt is not quietly a self-signed certificate"
  }

  assert {
    condition     = output.annotations["traefik.ingress.kubernetes.io/router.entrypoints"] == "websecure"
    error_message = "with a certificate, users come by HTTPS"
  }
}

run "tells_traefik_the_certificate" {
  assert {
    condition = (
      kubernetes_ingress_v1.certificate[0].spec[0].tls[0].secret_name == "qhub-certificate"
      && one(kubernetes_ingress_v1.certificate[0].spec[0].tls[0].hosts) == "hub.example.org"
    )
    error_message = "an Ingress binds the certificate to the name, so that Traefik follows its Secret"
  }

  assert {
    condition     = kubernetes_ingress_v1.certificate[0].metadata[0].annotations["kubernetes.io/ingress.class"] == "demo-dev"
    error_message = "the Ingress is the deployment's own"
  }
}

run "takes_a_certificate_that_is_given" {
  variables {
    certificate = { type = "existing" }
    secrets     = { environment = {}, certificate = { "tls.crt" = "a certificate", "tls.key" = "its key" } }
  }

  assert {
    condition = (
      output.tls_secret == "qhub-certificate"
      && kubernetes_secret_v1.certificate[0].data["tls.crt"] == "a certificate"
      && length(tls_private_key.certificate) == 0
    )
    error_message = "files of the config become the Secret, and nothing is signed beside them"
  }
}

run "keeps_what_it_asked_an_issuer_for" {
  variables {
    certificate = { type = "lets-encrypt" }
  }

  assert {
    condition     = jsondecode(helm_release.traefik.values[1]).persistence == { enabled = true, existingClaim = "traefik-certificates" }
    error_message = "certificates lie on a claim that is not the release's"
  }

  assert {
    condition     = output.tls_secret == "" && length(kubernetes_ingress_v1.certificate) == 0
    error_message = "Traefik keeps such a certificate itself"
  }
}

run "keeps_nothing_where_it_asks_nobody" {
  assert {
    condition = (
      length(kubernetes_persistent_volume_claim_v1.certificates) == 0
      && jsondecode(helm_release.traefik.values[1]).persistence.enabled == false
    )
    error_message = "no volume is paid for that nobody needs"
  }
}

run "keeps_credentials_of_the_zone_out_of_the_release" {
  variables {
    certificate = { type = "lets-encrypt" }
    secrets     = { environment = { CF_DNS_API_TOKEN = "sesame" }, certificate = {} }
  }

  assert {
    condition     = !strcontains(join(" ", helm_release.traefik.values), "sesame")
    error_message = "values of a release can be read by whoever may look at it"
  }

  assert {
    condition = (
      kubernetes_secret_v1.environment[0].data["CF_DNS_API_TOKEN"] == "sesame"
      && jsondecode(helm_release.traefik.values[1]).envFrom == [{ secretRef = { name = "traefik-environment" } }]
    )
    error_message = "they reach Traefik as a Secret"
  }

  assert {
    condition     = can(jsondecode(helm_release.traefik.values[1]).deployment.podAnnotations["qhub/fingerprint"])
    error_message = "other credentials start Traefik anew"
  }
}

run "leaves_no_custom_resources" {
  assert {
    condition     = helm_release.traefik.skip_crds
    error_message = "definitions of custom resources would outlive the deployment, and are the whole cluster's"
  }
}

run "places_traefik_with_the_services" {
  assert {
    condition = (
      jsondecode(helm_release.traefik.values[1]).nodeSelector == { pool = "general" }
      && jsondecode(helm_release.traefik.values[1]).priorityClassName == "demo-dev-services"
    )
    error_message = "Traefik runs on the nodes for services, with their priority"
  }

  assert {
    condition     = helm_release.traefik.namespace == "dev" && helm_release.traefik.version == "1.2.3"
    error_message = "the chart's version is the one that was asked for"
  }
}

run "refuses_an_unknown_certificate" {
  command = plan

  variables {
    certificate = { type = "acme" }
  }

  expect_failures = [var.certificate]
}
