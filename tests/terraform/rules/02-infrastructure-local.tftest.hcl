run "takes_the_inputs_of_the_example" {
  command = plan

  assert {
    condition     = length(terraform_data.environment) == 2
    error_message = "one environment for the hub, one for users"
  }

  assert {
    condition     = output.facts == abspath("${path.root}/../../.qhub/machine.json")
    error_message = "the record lies in the deployment's own folder"
  }
}

run "deployment_moves_the_record" {
  command = plan

  variables {
    deployment = "/elsewhere"
  }

  assert {
    condition     = output.facts == "/elsewhere/.qhub/machine.json"
    error_message = "deployment is where the record lies"
  }
}

run "refuses_unknown_isolation" {
  command = plan

  variables {
    isolation = "docker"
  }

  expect_failures = [var.isolation]
}

run "refuses_a_port_that_is_none" {
  command = plan

  variables {
    port = 70000
  }

  expect_failures = [var.port]
}
