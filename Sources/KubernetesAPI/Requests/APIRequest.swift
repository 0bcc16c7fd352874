import HTTPTypes
import Hummingbird
import Resources

/// A request to a collection.
struct CollectionRequest {
    let request: Request
    let type: ResourceType
    /// nil for all namespaces, and for types without.
    let namespace: String?
    let query: QueryParameters

    init(_ request: Request, type: ResourceType, namespace: String?) {
        self.request = request
        self.type = type
        self.namespace = namespace
        query = QueryParameters(request.uri.query)
    }

    func shape() throws(StatusError) -> ResponseShape { try ResponseShape(accept: request.headers[.accept]) }
}

/// A request to one object or a part of it.
struct ObjectRequest {
    let request: Request
    let key: ResourceKey
    /// Empty for the object itself.
    let subresource: String
    let query: QueryParameters

    init(_ request: Request, key: ResourceKey, subresource: String) {
        self.request = request
        self.key = key
        self.subresource = subresource
        query = QueryParameters(request.uri.query)
    }

    func shape() throws(StatusError) -> ResponseShape { try ResponseShape(accept: request.headers[.accept]) }
}
