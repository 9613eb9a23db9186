export { BlockTemplateError, parseBlockTemplate } from "./block-template.ts";
export { checkTemplateProvider, providerConnections, providerPublicKey } from "./check-template-provider.ts";
export { type TemplateProviderConfig, templateProviderSchema } from "./config.ts";
export { TemplateProvider, type TemplateProviderSettings } from "./template-provider.ts";
export {
  startTemplateProvider,
  type TemplateProviderServer,
} from "./template-provider-server.ts";
