mock_provider "kubernetes" {
  mock_data "kubernetes_namespace_v1" {
    defaults = {
      metadata = { uid = "0b0a1d2c" }
    }
  }
}

run "names_the_cluster_by_what_no_other_has" {
  assert {
    condition     = output.cluster == "0b0a1d2c"
    error_message = "the cluster is known by its first namespace, not by what a context calls it"
  }

  assert {
    condition     = data.kubernetes_namespace_v1.system.metadata[0].name == "kube-system"
    error_message = "the namespace that is as old as the cluster"
  }
}

run "takes_nodes_as_they_come" {
  command = plan

  variables {
    node_selectors = { general = {}, user = {}, worker = { pool = "dask" } }
  }

  assert {
    condition     = output.node_selectors["worker"].pool == "dask" && length(output.node_selectors["user"]) == 0
    error_message = "labels of nodes are passed on; none means any node"
  }
}

run "refuses_selectors_that_lack_a_purpose" {
  command = plan

  variables {
    node_selectors = { general = {}, user = {} }
  }

  expect_failures = [var.node_selectors]
}
