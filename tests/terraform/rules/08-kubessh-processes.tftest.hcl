variables {
  infrastructure = {
    facts        = "/deployment/.qhub/machine.json"
    directory    = "/deployment/local"
    isolation    = "none"
    url          = "http://[::1]:8000"
    environments = { hub = "a", user = "b" }
  }
  jupyterhub = {
    url   = "http://[::1]:8000"
    facts = "/deployment/.qhub/machine.json"
  }
}

run "is_reached_where_the_hub_is" {
  command = plan

  assert {
    condition     = output.host == "::1" && output.port == 8022
    error_message = "the address is the hub's, the port one of its own"
  }
}

run "takes_the_name_of_a_host_too" {
  command = plan

  variables {
    infrastructure = {
      facts        = "/deployment/.qhub/machine.json"
      directory    = "/deployment/local"
      isolation    = "none"
      url          = "https://hub.example.org:8443"
      environments = { hub = "a", user = "b" }
    }
  }

  assert {
    condition     = output.host == "hub.example.org"
    error_message = "a name is an address as good as a number"
  }
}

run "keeps_no_user_in_the_state" {
  command = plan

  assert {
    condition     = length(terraform_data.kubessh.triggers_replace.settings) == 64
    error_message = "the state keeps a fingerprint of the settings, not the settings"
  }
}

run "refuses_a_port_that_is_none" {
  command = plan

  variables {
    port = 70000
  }

  expect_failures = [var.port]
}
