// The one line that binds the variant. The build replaces it per case; the one here is for editors.
export * from "./keep-dead";
