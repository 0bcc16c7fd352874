/// What a container's program finds as its standard input.
public enum ContainerInput: String, Hashable, Sendable {
    /// Nothing: it reads an end at once.
    case none
    /// A pipe that stays open while clients come and go.
    case open
    /// A pipe that ends when the first client leaves.
    case once
}
