import Access
import HTTPTypes
import Hummingbird
import Resources

/// A request to a collection.
struct CollectionRequest {
    let request: Request
    let user: User
    /// What the path names.
    let form: ServedForm
    /// nil for all namespaces, and for types without.
    let namespace: String?
    let query: QueryParameters

    init(_ request: Request, _ user: User, type: ResourceType, namespace: String?) {
        self.request = request
        self.user = user
        form = ServedForm.of(type)
        self.namespace = namespace
        query = QueryParameters(request.uri.query)
    }

    /// The stored type.
    var type: ResourceType { form.stored }

    func shape() throws(StatusError) -> ResponseShape { try ResponseShape(accept: request.headers[.accept]) }
}

/// A request to one object or a part of it.
struct ObjectRequest {
    let request: Request
    let user: User
    /// What the path names.
    let form: ServedForm
    /// The object as the store knows it.
    let key: ResourceKey
    /// Empty for the object itself.
    let subresource: String
    let query: QueryParameters

    init(_ request: Request, _ user: User, key: ResourceKey, subresource: String) {
        self.request = request
        self.user = user
        form = ServedForm.of(key.type)
        self.key = form.isStored ? key : ResourceKey(type: form.stored, namespace: key.namespace, name: key.name)
        self.subresource = subresource
        query = QueryParameters(request.uri.query)
    }

    /// The object as the path names it.
    var servedKey: ResourceKey { ResourceKey(type: form.type, namespace: key.namespace, name: key.name) }

    func shape() throws(StatusError) -> ResponseShape { try ResponseShape(accept: request.headers[.accept]) }
}
