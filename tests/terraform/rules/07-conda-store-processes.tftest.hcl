variables {
  max_workers = 2

  infrastructure = {
    facts        = "/deployment/.qhub/machine.json"
    directory    = "/deployment/local"
    isolation    = "none"
    url          = "http://127.0.0.1:8000"
    environments = { hub = "a", user = "b" }
  }

  environments = {
    first = {
      channels = []
      conda    = ["python=3.12"]
      pip      = ["package @ https://name:password@example.org/package.whl"]
      groups   = { users = 20001 }
    }
    second = { channels = ["conda-forge"], conda = ["pandas"], pip = [] }
  }
}

run "plans_each_environment_for_itself" {
  command = plan

  assert {
    condition     = keys(terraform_data.environment) == ["first", "second"]
    error_message = "each environment is a resource, so that one that is broken fails alone"
  }

  assert {
    condition     = join(",", output.environments) == "first,second"
    error_message = "the outputs name the environments"
  }
}

run "keeps_no_requirement_in_the_state" {
  command = plan

  assert {
    condition     = !strcontains(jsonencode(terraform_data.environment["first"].triggers_replace), "password")
    error_message = "the state keeps a fingerprint of requirements, which may hold a password"
  }
}

run "takes_no_environment_too" {
  command = plan

  variables {
    environments = {}
  }

  assert {
    condition     = length(terraform_data.environment) == 0
    error_message = "an empty list of environments is one"
  }
}

run "refuses_to_build_none_at_a_time" {
  command = plan

  variables {
    max_workers = 0
  }

  expect_failures = [var.max_workers]
}
