/** For tools that read the files of a node that does not run. The plugin itself is `plugin.ts`. */
export { OfflineIdentity } from './shell/offline-identity.js';
export { unseal } from './shell/secret-box.js';
