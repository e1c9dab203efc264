variable "ground" {
  type    = object({ text = string, files = string })
  default = null
}

variable "text" { type = string }
variable "seconds" { type = number }
variable "fail_apply" { type = bool }
variable "fail_destroy" { type = bool }

locals {
  files = local.ground.files
  file  = "${local.files}/${split("-", basename(abspath(path.module)))[1]}"
}

resource "terraform_data" "presence" {
  input = { file = local.file, fail = var.fail_destroy }

  provisioner "local-exec" {
    when    = destroy
    command = self.output.fail ? "echo can not be removed; exit 1" : "rm -f ${self.output.file}"
  }
}

resource "terraform_data" "file" {
  triggers_replace = [var.text, terraform_data.presence.id]

  provisioner "local-exec" {
    command = "mkdir -p ${local.files}; echo working; sleep ${var.seconds}; ${var.fail_apply ? "echo no luck; exit 1" : "echo ${var.text} > ${local.file}"}"
  }
}

output "text" {
  value      = var.text
  depends_on = [terraform_data.file]
}

output "files" {
  value = local.files
}
