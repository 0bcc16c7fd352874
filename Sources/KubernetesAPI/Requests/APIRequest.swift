import Access
import HTTPTypes
import Hummingbird
import Resources

/// A request to a collection.
struct CollectionRequest {
    let request: Request
    let user: User
    let type: ResourceType
    /// nil for all namespaces, and for types without.
    let namespace: String?
    let query: QueryParameters

    init(_ request: Request, _ user: User, type: ResourceType, namespace: String?) {
        self.request = request
        self.user = user
        self.type = type
        self.namespace = namespace
        query = QueryParameters(request.uri.query)
    }

    func shape() throws(StatusError) -> ResponseShape { try ResponseShape(accept: request.headers[.accept]) }
}

/// A request to one object or a part of it.
struct ObjectRequest {
    let request: Request
    let user: User
    let key: ResourceKey
    /// Empty for the object itself.
    let subresource: String
    let query: QueryParameters

    init(_ request: Request, _ user: User, key: ResourceKey, subresource: String) {
        self.request = request
        self.user = user
        self.key = key
        self.subresource = subresource
        query = QueryParameters(request.uri.query)
    }

    func shape() throws(StatusError) -> ResponseShape { try ResponseShape(accept: request.headers[.accept]) }
}
