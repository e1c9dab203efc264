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

  project_name = "demo"
  server       = "https://meet.example.org"
  door         = false
  users = {
    ada = { uid = 21000, primary_group = "admin", groups = ["admin", "sailors"] }
  }
}

run "says_where_the_rooms_are" {
  command = plan

  assert {
    condition     = output.server == "https://meet.example.org"
    error_message = "the outputs name the Jitsi server"
  }
}

run "keeps_no_user_in_the_state" {
  command = plan

  assert {
    condition     = length(terraform_data.jitsi.triggers_replace.settings) == 64
    error_message = "the state keeps a fingerprint of the settings, not the settings"
  }
}

run "refuses_what_is_no_address" {
  command = plan

  variables {
    server = "meet.example.org"
  }

  expect_failures = [var.server]
}
