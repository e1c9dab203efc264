output "facts" {
  description = "File that says what was made of this machine."
  value       = local.facts
}

output "environments" {
  description = "Names of the environments."
  value       = sort(keys(var.environments))
  depends_on  = [terraform_data.environment]
}
