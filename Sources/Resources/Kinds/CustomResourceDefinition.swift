import JSON

extension ResourceType {
    public static let customResourceDefinition = ResourceType(
        group: "apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", ["crd", "crds"],
        namespaced: false, categories: ["api-extensions"])
}

extension Kind {
    /// A kind of a user's own: see ``CustomKind``.
    static let customResourceDefinition = Kind(
        .customResourceDefinition,
        // Schemas contain themselves, and are checked by rules of their own.
        schema: """
            CustomResourceDefinition
              metadata 1 ObjectMeta
              spec 2 CustomResourceDefinitionSpec
              status 3 CustomResourceDefinitionStatus
            CustomResourceDefinitionSpec
              group 1 string!
              names 3 CustomResourceDefinitionNames!
              scope 4 string!
              versions 7 [CustomResourceDefinitionVersion]! atomic
              conversion 9 CustomResourceConversion?
              preserveUnknownFields 10 bool
            CustomResourceDefinitionNames
              plural 1 string!
              singular 2 string
              shortNames 3 [string] atomic
              kind 4 string!
              listKind 5 string
              categories 6 [string] atomic
            CustomResourceDefinitionVersion
              name 1 string!
              served 2 bool!
              storage 3 bool!
              schema 4 CustomResourceValidation?
              subresources 5 CustomResourceSubresources?
              additionalPrinterColumns 6 [CustomResourceColumnDefinition] atomic
              deprecated 7 bool
              deprecationWarning 8 string?
              selectableFields 9 [SelectableField] atomic
            CustomResourceValidation
              openAPIV3Schema 1 raw
            CustomResourceSubresources
              status 1 CustomResourceSubresourceStatus?
              scale 2 CustomResourceSubresourceScale?
            CustomResourceSubresourceStatus
            CustomResourceSubresourceScale
              specReplicasPath 1 string!
              statusReplicasPath 2 string!
              labelSelectorPath 3 string?
            CustomResourceColumnDefinition
              name 1 string!
              type 2 string!
              format 3 string
              description 4 string
              priority 5 int32
              jsonPath 6 string!
            SelectableField
              jsonPath 1 string!
            CustomResourceConversion
              strategy 1 string!
              webhook 2 WebhookConversion?
            WebhookConversion
              clientConfig 2 WebhookClientConfig?
              conversionReviewVersions 3 [string] atomic
            WebhookClientConfig
              url 3 string?
              service 1 ServiceReference?
              caBundle 2 bytes
            ServiceReference
              namespace 1 string!
              name 2 string!
              path 3 string?
              port 4 int32?
            CustomResourceDefinitionStatus
              conditions 1 [CustomResourceDefinitionCondition] map=type
              acceptedNames 2 CustomResourceDefinitionNames
              storedVersions 3 [string] atomic
            CustomResourceDefinitionCondition
              type 1 string!
              status 2 string!
              lastTransitionTime 3 time
              reason 4 string
              message 5 string
            """,
        columns: [.name, Column("Created At", "date") { .string($0.creationTimestamp ?? "") }],
        hasStatus: true, defaults: DefinitionRules.setDefaults, rules: DefinitionRules.check,
        updateRules: DefinitionRules.checkUpdate)
}
