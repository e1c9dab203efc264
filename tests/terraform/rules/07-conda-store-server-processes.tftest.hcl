variables {
  channels          = ["https://name:password@example.org/channel"]
  default_namespace = "global"
  max_workers       = 2
  users             = {}
  groups            = {}

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
    condition     = output.url == "http://127.0.0.1:8000/conda-store/"
    error_message = "people reach conda-store on the hub's address"
  }
}

run "keeps_no_channel_in_the_state" {
  command = plan

  assert {
    condition     = !strcontains(jsonencode(terraform_data.conda_store.triggers_replace), "password")
    error_message = "the state keeps a fingerprint of channels, which may hold a password"
  }
}

run "refuses_to_come_from_nowhere" {
  command = plan

  variables {
    channels = []
  }

  expect_failures = [var.channels]
}
