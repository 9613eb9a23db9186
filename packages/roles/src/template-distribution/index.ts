export {
  TemplateClient,
  type TemplateClientListener,
  type TemplateClientOptions,
  templateServerMaxLength,
} from "./template-client.ts";
export {
  type ProvidedTemplate,
  type TemplateProviderPort,
  type TemplateServerOptions,
  TemplateServerSession,
  templateClientMaxLength,
} from "./template-server.ts";
