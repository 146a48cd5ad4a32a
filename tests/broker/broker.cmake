# Tests against a private RabbitMQ node, with python3-pika as the other side: two halves, each with a
# node that serves all of its tests; a test that breaks its broker starts one of its own.
if(NOT RBIT_TEST_PYTHON)
  return()
endif()

foreach(part 1 2)
  add_test(NAME broker_${part} COMMAND ${RBIT_TEST_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/broker/run.py)
  set_tests_properties(broker_${part} PROPERTIES
    LABELS broker TIMEOUT 3600 COST 2000 SKIP_RETURN_CODE 77
    ENVIRONMENT "RBIT_BINARY_DIR=${PROJECT_BINARY_DIR};RBIT_SOURCE_DIR=${PROJECT_SOURCE_DIR};RBIT_BROKER_PART=${part}/2")
endforeach()

# The units that speak AMQP skip what needs a broker; here they have one.
foreach(unit amqp intake)
  if(TARGET unit_${unit})
    add_test(NAME real_${unit}
             COMMAND ${RBIT_TEST_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/broker/node.py
                     --run $<TARGET_FILE:unit_${unit}>)
    set_tests_properties(real_${unit} PROPERTIES LABELS amqp TIMEOUT 900 SKIP_RETURN_CODE 77)
  endif()
endforeach()
