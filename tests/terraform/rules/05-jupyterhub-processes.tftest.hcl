variables {
  infrastructure = {
    facts        = "/deployment/.qhub/machine.json"
    directory    = "/deployment/local"
    isolation    = "none"
    url          = "http://127.0.0.1:8000"
    environments = { hub = "a", user = "b" }
  }
}

run "serves_where_the_infrastructure_says" {
  command = plan

  assert {
    condition     = output.url == "http://127.0.0.1:8000"
    error_message = "the address is the infrastructure's"
  }
}

run "keeps_no_user_in_the_state" {
  command = plan

  assert {
    condition     = length(terraform_data.jupyterhub.triggers_replace.settings) == 64
    error_message = "the state keeps a fingerprint of the settings, not the settings"
  }
}
