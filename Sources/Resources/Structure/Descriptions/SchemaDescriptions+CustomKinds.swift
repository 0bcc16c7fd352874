extension SchemaDescriptions {
    static let customKinds = """
        CustomResourceDefinition | A kind of one's own: its names, its versions and what its objects may hold.
        CustomResourceDefinition.metadata | Its name is the plural, a dot and the group.
        CustomResourceDefinition.spec | What is defined.
        CustomResourceDefinition.status | Whether the kind is served, and under which names.
        CustomResourceDefinitionSpec | Group, names, scope and versions of a kind.
        CustomResourceDefinitionSpec.group | The API group, as `stable.example.com`.
        CustomResourceDefinitionSpec.names | What the kind is called.
        CustomResourceDefinitionSpec.scope | `Namespaced` or `Cluster`.
        CustomResourceDefinitionSpec.versions | In which versions its objects are served; in exactly one they are stored.
        CustomResourceDefinitionSpec.conversion | How versions become one another: `None` changes the `apiVersion` only.
        CustomResourceDefinitionSpec.preserveUnknownFields | Must be false.
        CustomResourceDefinitionNames | What a kind is called.
        CustomResourceDefinitionNames.plural | The name in paths, in lower case.
        CustomResourceDefinitionNames.singular | One of them; the kind in lower case when absent.
        CustomResourceDefinitionNames.shortNames | Short names for commands.
        CustomResourceDefinitionNames.kind | The kind, as it stands in objects.
        CustomResourceDefinitionNames.listKind | The kind of lists.
        CustomResourceDefinitionNames.categories | Groups of kinds that the kind belongs to, as `all`.
        CustomResourceDefinitionVersion | A version in which objects are served.
        CustomResourceDefinitionVersion.name | As `v1` or `v1beta1`.
        CustomResourceDefinitionVersion.served | Whether it is served.
        CustomResourceDefinitionVersion.storage | Whether objects are stored in it.
        CustomResourceDefinitionVersion.schema | What objects may hold.
        CustomResourceDefinitionVersion.subresources | Whether status and scale are written apart.
        CustomResourceDefinitionVersion.additionalPrinterColumns | What `kubectl get` shows.
        CustomResourceDefinitionVersion.deprecated | Whether clients are warned of it.
        CustomResourceDefinitionVersion.deprecationWarning | The words of that warning.
        CustomResourceDefinitionVersion.selectableFields | Fields that selectors may name.
        CustomResourceValidation.openAPIV3Schema | A structural schema.
        CustomResourceDefinitionStatus | Whether a kind is served, and under which names.
        CustomResourceDefinitionStatus.conditions | `NamesAccepted`, `Established` and `Terminating`.
        CustomResourceDefinitionStatus.acceptedNames | The names it has; others may have taken those that it wants.
        CustomResourceDefinitionStatus.storedVersions | Versions in which objects were ever stored.
        """
}
