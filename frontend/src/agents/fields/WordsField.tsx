/** A set of short words, typed one after the other. */
import { TagsInput } from "@mantine/core";
import { itemMessage, ownMessage, textsOf, type FieldProps } from "./FieldProps";
import { Help } from "./Help";

export default function WordsField({ onElement, ...props }: FieldProps) {
  const words = textsOf(props.value);
  const wrong = words.findIndex((_, index) => itemMessage(props.error, index) !== undefined);
  const wrongItem = wrong < 0 ? undefined : `“${words[wrong] ?? ""}” ${itemMessage(props.error, wrong) ?? ""}`;
  return (
    <TagsInput
      label={props.label}
      description={<Help help={`${props.help} Press Enter after each.`} limits="" />}
      error={ownMessage(props.error) ?? wrongItem}
      ref={onElement}
      name={props.path}
      value={words}
      readOnly={props.isReadOnly}
      onBlur={props.onBlur}
      onChange={(values) => {
        props.onChange(values.map((value) => value.trim()).filter(Boolean));
      }}
      acceptValueOnBlur
      clearable={!props.isReadOnly && words.length > 0}
      clearButtonProps={{ "aria-label": `Remove all: ${props.label}` }}
      maxTags={props.schema.maxItems ?? Infinity}
    />
  );
}
