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
# What an Instance becomes; server-side apply needs both create and patch. ConfigMaps may hold prompts as well.
# Of Secrets the metadata is watched; content is read of those that are referred to, and written are the copies of
# those that another namespace shares (allowedNamespaces.credentials).
- apiGroups: [""]
  resources: [configmaps, secrets, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
# Conversations: never deleted by the operator. With retention Delete the owner reference does it.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
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
