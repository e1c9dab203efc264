# A cluster that is there already: nothing is made, it is only looked at.
#
# It is reached by KUBE_CONFIG_PATHS and KUBE_CTX, which qhub sets for every stage; where Terraform is
# run by hand, `qhub kubeconfig --env` prints them.

data "kubernetes_namespace_v1" "system" {
  metadata {
    name = "kube-system"
  }
}
