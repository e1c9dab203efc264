output "namespace" {
  description = "Where everything of the deployment lives."
  value       = kubernetes_namespace_v1.this.metadata[0].name
}

output "shared_claim" {
  description = "PersistentVolumeClaim of homes and shared folders."
  value       = kubernetes_persistent_volume_claim_v1.shared.metadata[0].name
}

output "priority_classes" {
  description = "PriorityClasses of services, of users' pods and of the places kept free for them."
  value       = { for name, class in kubernetes_priority_class_v1.this : name => class.metadata[0].name }
}

output "storage_namespace" {
  description = "Where the NFS server runs; null: there is none."
  value       = one(kubernetes_namespace_v1.storage[*].metadata[0].name)
}
