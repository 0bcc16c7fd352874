extension SchemaDescriptions {
    /// Of what all kinds have.
    static let common = """
        ObjectMeta | What every object has: its name, identity, versions, labels and owners.
        ObjectMeta.name | Unique within kind and namespace.
        ObjectMeta.generateName | Prefix of a generated name.
        ObjectMeta.namespace | The namespace the object lives in.
        ObjectMeta.selfLink | Carried, not used.
        ObjectMeta.uid | Set on creation, never reused.
        ObjectMeta.resourceVersion | Set on each change; grows.
        ObjectMeta.generation | Counts changes of the spec.
        ObjectMeta.creationTimestamp | Set on creation.
        ObjectMeta.deletionTimestamp | Set when deletion was asked for: when the grace period ends.
        ObjectMeta.deletionGracePeriodSeconds | Seconds of grace on deletion.
        ObjectMeta.labels | For choosing objects.
        ObjectMeta.annotations | For everything else.
        ObjectMeta.ownerReferences | Objects this one is removed with.
        ObjectMeta.finalizers | Who must clean up before the object goes.
        ObjectMeta.managedFields | Who owns which fields of the object, for server-side apply.
        OwnerReference | The object that owns another one, which is removed with it.
        OwnerReference.apiVersion | Group and version of the owner, as `apps/v1`.
        OwnerReference.kind | Kind of the owner.
        OwnerReference.name | Name of the owner, in the same namespace.
        OwnerReference.uid | Unique id of the owner.
        OwnerReference.controller | Whether the owner manages this object; at most one does.
        OwnerReference.blockOwnerDeletion | Whether foreground deletion of the owner waits for this object.
        LabelSelector | Chooses objects by label; all conditions must hold, and an empty selector matches everything.
        LabelSelector.matchLabels | Labels that must be present with these values.
        LabelSelector.matchExpressions | Further conditions.
        LabelSelectorRequirement | One condition on a label.
        LabelSelectorRequirement.key | The label.
        LabelSelectorRequirement.operator | `In`, `NotIn`, `Exists` or `DoesNotExist`.
        LabelSelectorRequirement.values | For `In` and `NotIn`, the values.
        *.metadata | Standard object's metadata.
        *.spec | What is wanted.
        *.status | What was observed.
        *.observedGeneration | The generation of the spec that the status speaks of.
        *.lastTransitionTime | When `status` last changed.
        *.lastProbeTime | When it was last looked at.
        *.fsType | Type of the file system; `ext4` when absent.
        *.readOnly | Whether it is mounted read-only.
        *.secretRef | Secret with what is needed to log in.
        *.optional | Whether it may be missing.
        *.labelSelector | Chooses objects by label.
        Condition | One observed fact about an object.
        Condition.type | Name of the fact, in CamelCase.
        Condition.status | `True`, `False` or `Unknown`.
        Condition.reason | One word for the last change.
        Condition.message | A sentence about the last change.
        DeleteOptions | How to delete an object.
        DeleteOptions.gracePeriodSeconds | Seconds until it is ended by force; 0 at once, absent for the object's own.
        DeleteOptions.preconditions | What must hold of the object, else nothing is deleted.
        DeleteOptions.orphanDependents | Older form of `propagationPolicy`.
        DeleteOptions.propagationPolicy | `Background`, `Foreground` or `Orphan`: what becomes of the objects it owns.
        DeleteOptions.dryRun | `All` to try it only.
        DeleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential | Carried, not used.
        Preconditions | What must hold of an object.
        Preconditions.uid | Its unique id.
        Preconditions.resourceVersion | Its version.
        ManagedFieldsEntry | Which fields somebody owns by server-side apply.
        ManagedFieldsEntry.manager | Who.
        ManagedFieldsEntry.operation | `Apply` or `Update`.
        ManagedFieldsEntry.apiVersion | The version in which the fields are named.
        ManagedFieldsEntry.time | When they were last stated.
        ManagedFieldsEntry.fieldsType | `FieldsV1`.
        ManagedFieldsEntry.fieldsV1 | The fields.
        ManagedFieldsEntry.subresource | The part of the object through which they were written.
        """
}
