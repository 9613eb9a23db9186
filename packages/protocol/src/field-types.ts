/** The data types of the wire (SV2 3.1). */
export type { FieldKind, FieldType } from "./field-type.ts";
export {
  b0_16m,
  b0_32,
  b0_64k,
  b0_255,
  option,
  seq0_64k,
  seq0_255,
  str0_255,
} from "./length-prefixed-types.ts";
export { bool, f32, u8, u16, u32, u64, u256 } from "./scalar-types.ts";
