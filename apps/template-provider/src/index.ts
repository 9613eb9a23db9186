export { BlockTemplateError, parseBlockTemplate } from "./block-template.ts";
export { type TemplateProviderConfig, templateProviderSchema } from "./config.ts";
export { TemplateProvider, type TemplateProviderSettings } from "./template-provider.ts";
export {
  startTemplateProvider,
  TemplateProviderConfigError,
  type TemplateProviderServer,
} from "./template-provider-server.ts";
