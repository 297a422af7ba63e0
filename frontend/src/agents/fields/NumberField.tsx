/** A number with its unit inside, and a way back to the default. */
import { ActionIcon, NumberInput, Text } from "@mantine/core";
import { IconRotate } from "@tabler/icons-react";
import { amountText } from "../words";
import { ownMessage, type FieldProps } from "./FieldProps";
import { Help } from "./Help";

export function NumberField({ onElement, ...props }: FieldProps) {
  const { schema, value, onChange, isReadOnly } = props;
  const isWhole = schema.type === "integer";
  const canReset = !isReadOnly && typeof schema.default === "number" && value !== schema.default;
  return (
    <NumberInput
      label={props.label}
      description={<Help help={props.help} limits={props.limits} />}
      error={ownMessage(props.error)}
      ref={onElement}
      name={props.path}
      value={typeof value === "number" || typeof value === "string" ? value : ""}
      onChange={onChange}
      onBlur={props.onBlur}
      readOnly={isReadOnly}
      required={props.isRequired}
      // Out of range is told, not silently corrected: what was typed stays until the person changes it.
      clampBehavior="none"
      allowDecimal={!isWhole}
      step={isWhole || (schema.maximum ?? 0) > 20 ? 1 : 0.1}
      maw="16rem"
      hideControls
      inputMode={isWhole ? "numeric" : "decimal"}
      rightSectionWidth={canReset ? 72 : 40}
      rightSection={
        <>
          {schema.unit !== undefined && (
            <Text span size="sm" c="dimmed" mr={canReset ? 2 : 0}>
              {schema.unit}
            </Text>
          )}
          {canReset && (
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={`${props.label}: back to the default, ${amountText(schema.default as number, schema.unit)}`}
              onClick={() => {
                onChange(schema.default);
              }}
            >
              <IconRotate size={15} />
            </ActionIcon>
          )}
        </>
      }
    />
  );
}
