variables {
  infrastructure = {
    facts        = "/deployment/.qhub/machine.json"
    directory    = "/deployment/local"
    isolation    = "none"
    url          = "http://127.0.0.1:8000"
    environments = { hub = "a", user = "b" }
  }
  jupyterhub = {
    url   = "http://127.0.0.1:8000"
    facts = "/deployment/.qhub/machine.json"
  }
}

run "lies_behind_the_hub" {
  command = plan

  assert {
    condition     = output.url == "http://127.0.0.1:8000/services/dask-gateway"
    error_message = "clients reach the gateway through the hub's proxy"
  }
}

run "keeps_no_user_in_the_state" {
  command = plan

  assert {
    condition     = length(terraform_data.dask_gateway.triggers_replace.settings) == 64
    error_message = "the state keeps a fingerprint of the settings, not the settings"
  }
}

run "refuses_a_time_before_now" {
  command = plan

  variables {
    idle_timeout = -1
  }

  expect_failures = [var.idle_timeout]
}
