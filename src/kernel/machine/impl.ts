// The one line that binds the machine. The build replaces it per case; the one here is for editors.
export * from "./native";
