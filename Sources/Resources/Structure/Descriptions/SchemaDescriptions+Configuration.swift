extension SchemaDescriptions {
    /// Of ConfigMaps, Secrets and events.
    static let configuration = """
        ConfigMap | Settings for pods.
        ConfigMap.metadata | Standard object's metadata.
        ConfigMap.immutable | Whether the data can no longer change.
        ConfigMap.data | Text values.
        ConfigMap.binaryData | Other values, as base64.
        Secret | Settings for pods that only they should see.
        Secret.metadata | Standard object's metadata.
        Secret.immutable | Whether the data can no longer change.
        Secret.data | Values as base64.
        Secret.stringData | Values as text, for writing only: moved to data.
        Secret.type | As `Opaque` or `kubernetes.io/tls`.
        Event | Something that happened to an object.
        Event.metadata | Standard object's metadata.
        Event.involvedObject | The object.
        Event.reason | One word for it.
        Event.message | A sentence about it.
        Event.source | Who reports.
        Event.firstTimestamp | When it first happened.
        Event.lastTimestamp | When it last happened.
        Event.count | How often it happened.
        Event.type | `Normal` or `Warning`.
        Event.eventTime | When it was first observed, in microseconds.
        Event.series | Carried, not used.
        Event.action | What was done.
        Event.related | A second object.
        Event.reportingComponent | Who reports.
        Event.reportingInstance | Which instance of it.
        ObjectReference | Points at an object.
        ObjectReference.kind | Its kind.
        ObjectReference.namespace | Its namespace.
        ObjectReference.name | Its name.
        ObjectReference.uid | Its unique id.
        ObjectReference.apiVersion | Its group and version.
        ObjectReference.resourceVersion | The version that was seen.
        ObjectReference.fieldPath | The part of it that is meant.
        EventSource | Who reports an event.
        EventSource.component | Name of the component.
        EventSource.host | Node it runs on.
        Event.reportingController | Who reports.
        Event.regarding | The object.
        Event.note | A sentence about it.
        Event.deprecatedSource | Who reports, in events of the older form.
        Event.deprecatedFirstTimestamp | When it first happened, in events of the older form.
        Event.deprecatedLastTimestamp | When it last happened, in events of the older form.
        Event.deprecatedCount | How often it happened, in events of the older form.
        EventSeries | An event that happens again and again.
        EventSeries.count | How often it happened.
        EventSeries.lastObservedTime | When it last happened.
        """
}
