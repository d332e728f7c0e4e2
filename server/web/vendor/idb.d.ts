export interface Database {
  get(store: string, key: string): Promise<any>;
  getAll(store: string): Promise<any[]>;
  getAllKeys(store: string): Promise<string[]>;
  put(store: string, value: unknown, key?: string): Promise<unknown>;
  delete(store: string, key: string): Promise<void>;
  close(): void;
  createObjectStore(name: string, options?: { keyPath?: string }): unknown;
}
export function openDB(name: string, version: number, options: {
  upgrade(db: Database): void;
  blocking?(): void;
}): Promise<Database>;
export function deleteDB(name: string): Promise<void>;
