/** Any of a few. */
import { Checkbox, Stack } from "@mantine/core";
import { resolved } from "../schema";
import { choiceText } from "../words";
import { ownMessage, textsOf, type FieldProps } from "./FieldProps";
import { Help } from "./Help";

export function ChoicesField({ onElement, ...props }: FieldProps) {
  const choices = resolved(props.schema.items ?? {}).enum ?? [];
  const chosen = textsOf(props.value);
  return (
    <Checkbox.Group
      label={props.label}
      description={<Help help={props.help} limits="" />}
      error={ownMessage(props.error)}
      value={chosen}
      onChange={(values) => {
        // In the schema's order, whatever the order of the clicks: the same choice is the same value.
        props.onChange(choices.filter((choice) => values.includes(choice)));
      }}
    >
      <Stack gap="xs" mt="xs">
        {choices.map((choice, index) => (
          <Checkbox
            key={choice}
            value={choice}
            label={choiceText(props.path, choice)}
            disabled={props.isReadOnly}
            {...(index === 0 ? { ref: onElement } : {})}
          />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}
