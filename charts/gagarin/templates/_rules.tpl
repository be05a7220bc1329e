{{/*
What the operator may do in a namespace it serves: each verb is one it uses. The same rules stand in one
ClusterRole, or in a Role of each namespace in `watchNamespaces`.
*/}}
{{- define "gagarin.rules" -}}
# The resources it serves. It writes nothing of them but their status.
- apiGroups: [gagarin.fyodorov.ai]
  resources: [providers, models, tools, agents, instances]
  verbs: [get, list, watch]
- apiGroups: [gagarin.fyodorov.ai]
  resources: [providers/status, models/status, tools/status, agents/status, instances/status]
  verbs: [patch]
# Owner references of children block the deletion of their Instance; where the API server checks that right
# (OpenShift does), it asks for this one.
- apiGroups: [gagarin.fyodorov.ai]
  resources: [instances/finalizers]
  verbs: [update]
# Keys of providers: the metadata of all Secrets is watched, and those that are referred to are read.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
# What an Instance becomes; server-side apply needs both create and patch. ConfigMaps may hold prompts as well.
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [get, list, watch, create, patch, delete]
# A RoleBinding may only be given to chat servers, and only for this one role.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [gagarin-instance]
  verbs: [bind]
# How a rollout goes, and the annotation that makes a kubelet take up a rotated Secret at once.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
