variable "node_selectors" {
  description = "Labels of the nodes for services (general), user servers (user) and Dask workers (worker)."
  type        = map(map(string))

  validation {
    condition     = length(setsubtract(["general", "user", "worker"], keys(var.node_selectors))) == 0
    error_message = "node_selectors has the keys general, user and worker."
  }
}
