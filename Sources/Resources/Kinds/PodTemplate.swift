import JSON

extension ResourceType {
    public static let podTemplate = ResourceType("PodTemplate", "podtemplates")
}

extension Kind {
    /// A template that is kept for others.
    static let podTemplate = Kind(
        .podTemplate,
        schema: """
            PodTemplate
              metadata 1 ObjectMeta
              template 2 PodTemplateSpec
            """,
        columns: [
            .name, Column("Containers") { TemplateRules.containers($0.value["template"]) },
            Column("Images") { TemplateRules.images($0.value["template"]) },
            Column("Pod Labels") { template in
                .string(
                    (template.value[path: "template", "metadata", "labels"]?.objectValue ?? [:])
                        .sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.stringValue ?? "")" }
                        .joined(separator: ",").orNone)
            },
        ],
        defaults: { TemplateRules.setDefaults(&$0) },
        rules: { TemplateRules.check($0["template"], "template", policies: nil, into: &$1) })
}
